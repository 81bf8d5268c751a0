"""Makes the OpenAPI document of the API from the calls, the requests' own types and the client's models."""
