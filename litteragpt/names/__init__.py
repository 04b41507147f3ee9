"""Names of places: `neighbourhood - city`."""
