"""One verb per file. A use case takes ports as arguments and knows neither HTTP nor AWS."""
