from lab.machines import host_capabilities


def test_only_capabilities_of_the_host_are_asked_for():
    # Bit 24, CAP_SYS_RESOURCE, is not set; the bits above 37 are unknown to older engines.
    capabilities = host_capabilities("CapEff:\t0000000000000000\nCapBnd:\t000001fffeffffff\n")
    assert "SYS_RESOURCE" not in capabilities
    assert capabilities[0] == "CHOWN"
    assert capabilities[-1] == "AUDIT_READ"
    assert len(capabilities) == 37


def test_a_host_without_any_gets_none():
    assert host_capabilities("CapBnd:\t0000000000000000\n") == []
