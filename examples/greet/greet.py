import sabir

with sabir.connect("hello") as hello:
    def greet(name):
        try:
            return hello.call("hello.greet", name=name)["text"]
        except sabir.Refused as no:
            return f"{no.name}: {no.message}"

    print(greet("ann"))
    print(greet("bob"))
