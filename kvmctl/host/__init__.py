"""What this host is: processors, memory, KVM."""
