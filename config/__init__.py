"""The ground every app stands on: settings, URLs, the embedded database, ids, errors."""
