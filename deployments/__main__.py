"""`python -m deployments`: apply prefect.yaml to the server that PREFECT_API_URL names."""

from deployments.apply import apply

if __name__ == "__main__":
    for line in apply():
        print(f"left alone: {line}")
