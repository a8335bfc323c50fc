"""The words of a command line, by the types of a description."""

import unittest

import support  # noqa: F401
from sabir.__main__ import Usage, arguments

STRUCT = {"kind": "struct", "fields": [{"name": "n", "type": {"kind": "int"}}]}
SERVICE = {
    "types": [
        {"name": "Point", "type": STRUCT},
        {"name": "Place", "type": {"kind": "named", "name": "Point"}},
        {"name": "Slug", "type": {"kind": "string", "max": 8}},
        {"name": "Ring", "type": {"kind": "named", "name": "Ring"}},
    ],
}
MEMBER = {"params": [{"name": name, "type": {"kind": "named", "name": of}} for name, of in
                     [("point", "Point"), ("place", "Place"), ("slug", "Slug"), ("ring", "Ring"), ("other", "Unknown")]]}


class Words(unittest.TestCase):
    def test_named_types(self) -> None:
        for words, want in [
            (['point={"n":1}'], {"point": {"n": 1}}),
            (['place={"n":1}'], {"place": {"n": 1}}),
            (["slug=7"], {"slug": "7"}),
            (["slug:=7"], {"slug": 7}),
            (['{"n":2}', '{"n":3}', "x"], {"point": {"n": 2}, "place": {"n": 3}, "slug": "x"}),
            (["ring=1", "other=2"], {"ring": "1", "other": "2"}),
        ]:
            self.assertEqual(arguments(words, SERVICE, MEMBER), want)
        with self.assertRaisesRegex(Usage, "place: expected a value of type struct, got 'x'"):
            arguments(["place=x"], SERVICE, MEMBER)


if __name__ == "__main__":
    unittest.main()
