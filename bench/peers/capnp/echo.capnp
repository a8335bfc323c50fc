@0xbf3f1c6e0a3d9b57;

struct Msg {
  uri @0 :Text;
  title @1 :Text;
  position @2 :Int64;
  volume @3 :Float64;
  tags @4 :List(Text);
}

interface Subscriber {
  item @0 (msg :Msg) -> stream;
}

interface Bench {
  echo @0 (msg :Msg) -> (msg :Msg);
  echoBytes @1 (data :Data) -> (data :Data);
  push @2 (to :Subscriber);
}
