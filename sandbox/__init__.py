"""An Azure to run against on one machine: ARM over HTTP, a Functions host, storage, and one clock with a speed."""
