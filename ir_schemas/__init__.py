"""What a valid IR is: schemas, versions, activation, compatibility, validation, artifacts."""
