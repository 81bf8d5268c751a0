"""The edge: HTTP requests and answers, who calls, what may be sent, and how errors are told."""
