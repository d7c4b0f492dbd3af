"""The rehearsal cluster: real engines, sshd, HAProxy, Distribution, etcd, S3, and a stand-in for the vendor."""
