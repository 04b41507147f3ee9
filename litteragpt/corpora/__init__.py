"""From raw books to the files that training reads."""
