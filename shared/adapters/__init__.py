"""The ports of the ledger on AWS. The only package that imports pynamodb, boto3 or botocore."""
