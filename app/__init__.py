"""The front end, in Streamlit: it reaches the core through its public names alone."""
