"""A call as data: methods, HTTP rules, the JSON mapping, errors as statuses. No I/O, and no client."""
