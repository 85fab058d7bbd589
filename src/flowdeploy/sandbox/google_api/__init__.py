"""The conventions that Google's JSON APIs share: messages, errors, pages, names."""
