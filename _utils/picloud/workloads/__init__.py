"""Workloads: what runs on the sites' swarms, where it fits, and what a manager is told of it."""
