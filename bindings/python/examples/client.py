"""A client of hello: a call, a refusal, and what happens meanwhile."""
import sabir

with sabir.connect("hello") as hello:
    news = hello.watch("hello.greeted")
    print(next(news).kind)
    print(hello.call("hello.greet", name="ann")["text"])
    try:
        hello.call("hello.greet", name="bob")
    except sabir.Refused as no:
        print(no.name, no.params)
    print(next(news).value)
