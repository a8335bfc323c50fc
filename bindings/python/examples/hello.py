"""Hello is the least service: a method that can refuse, and a topic."""
from dataclasses import dataclass

import sabir


@dataclass
class Guest:
    name: str


@dataclass
class Greeting:
    text: str


@dataclass
class Shy(sabir.Error):
    name: str

    def __str__(self) -> str:
        return self.name + " wants no greeting"


svc = sabir.Service("hello", "1.0", "Greets people.")
greeted = svc.topic("greeted", Guest, doc="Who was greeted.")


@svc.method(doc="Say hello.", errors=[Shy])
async def greet(name: str) -> Greeting:
    if name == "bob":
        raise Shy(name)
    greeted.publish(Guest(name))
    return Greeting("hello, " + name)


if __name__ == "__main__":
    sabir.serve(svc)
