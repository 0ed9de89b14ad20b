"""The web page: sessions in a browser, on the same clock as every program that follows them."""
