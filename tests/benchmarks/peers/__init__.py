"""What is authref compared with? The same four endpoints on other servers, one small file each."""
