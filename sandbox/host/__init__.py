"""A Functions host for one machine: it runs an Azure Functions app as the platform would, by the sandbox's clock."""
