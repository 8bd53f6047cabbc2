"""What tests share: servers, services in virtual time, harnesses, generators of input."""
