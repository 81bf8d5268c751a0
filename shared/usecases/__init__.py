"""One verb a file. A use case takes ports as arguments and knows neither HTTP nor AWS."""
