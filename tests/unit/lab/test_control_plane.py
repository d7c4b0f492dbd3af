import tomllib

from lab.control_plane_settings import without_registries

CONFIGURATION = """[auth]
  sso = true

[[registries]]
  host_address = "198.18.7.40"
  ca_bundle = \"\"\"
-----BEGIN CERTIFICATE-----
[not a table]
-----END CERTIFICATE-----
\"\"\"

[[registries]]
  host_address = "198.18.8.40"

[scheduling_configuration]
  enable_admin_ucp_scheduling = true
"""


def test_registries_are_taken_out_and_the_rest_stays():
    left = tomllib.loads(without_registries(CONFIGURATION))
    assert left == {"auth": {"sso": True}, "scheduling_configuration": {"enable_admin_ucp_scheduling": True}}


def test_a_configuration_without_registries_stays_as_it_is():
    text = "[auth]\nsso = true\n"
    assert without_registries(text) == text
