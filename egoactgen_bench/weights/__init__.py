"""Published weights: listing, fetching, checking and converting them."""
