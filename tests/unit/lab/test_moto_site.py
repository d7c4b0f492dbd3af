from lab import moto_site


def test_the_closure_holds_the_endpoint_and_what_it_imports_and_no_more():
    names = {line.partition("==")[0] for line in moto_site.fingerprint().splitlines()}
    assert {"moto", "flask", "flask-cors", "boto3", "werkzeug", "pyyaml"} <= names
    assert names.isdisjoint({"prefect", "paramiko", "docker", "sympy"})


def test_files_lie_below_the_given_folder_and_exist():
    files = dict(moto_site.files("site/"))
    assert files["site/moto/server.py"].is_file()
    assert not [name for name in files if ".." in name or "__pycache__" in name]
