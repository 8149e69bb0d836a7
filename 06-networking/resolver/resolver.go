package resolver
