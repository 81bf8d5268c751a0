"""POST /v1/check: may this actor spend?"""
