// The two ends of Cap'n Proto for bench: "echo serve PATH", and "echo WORK PATH SECONDS COUNT" as the client, which
// prints "begin" and then "end" with calls and latencies; it stays until its stdin closes, so that its CPU can be read.
#include "echo.capnp.h"
#include <algorithm>
#include <capnp/ez-rpc.h>
#include <chrono>
#include <iostream>
#include <kj/async-io.h>
#include <kj/debug.h>
#include <kj/timer.h>
#include <unistd.h>
#include <vector>

using Clock = std::chrono::steady_clock;

static const capnp::ReaderOptions large = {64 << 20, 64};

static void fill(Msg::Builder m) {
  m.setUri("file:///music/album/track-01.oga");
  m.setTitle("A title of 24 bytes, yes");
  m.setPosition(123456789);
  m.setVolume(0.8125);
  auto tags = m.initTags(3);
  tags.set(0, "rock");
  tags.set(1, "live");
  tags.set(2, "fav");
}

static void check(Msg::Reader m) {
  KJ_REQUIRE(m.getUri() == "file:///music/album/track-01.oga" && m.getPosition() == 123456789 &&
                 m.getTags().size() == 3 && m.getTags()[2] == "fav", "the echo differs");
}

class BenchServer final : public Bench::Server {
  kj::Promise<void> echo(EchoContext c) override {
    c.getResults().setMsg(c.getParams().getMsg());
    return kj::READY_NOW;
  }
  kj::Promise<void> echoBytes(EchoBytesContext c) override {
    c.getResults().setData(c.getParams().getData());
    return kj::READY_NOW;
  }
  kj::Promise<void> push(PushContext c) override {
    return pushOn(c.getParams().getTo());
  }
  // Streaming calls return when the library's flow control wants the next.
  static kj::Promise<void> pushOn(Subscriber::Client to) {
    auto item = to.itemRequest();
    fill(item.initMsg());
    return item.send().then([to]() mutable { return pushOn(kj::mv(to)); });
  }
};

class Counter final : public Subscriber::Server {
public:
  explicit Counter(std::vector<uint64_t> &counts, size_t at) : counts(counts), at(at) {}

private:
  kj::Promise<void> item(ItemContext c) override {
    check(c.getParams().getMsg());
    counts[at]++;
    return kj::READY_NOW;
  }
  std::vector<uint64_t> &counts;
  size_t at;
};

// Flight keeps calls in flight: each answer starts the next call.
class Flight final : private kj::TaskSet::ErrorHandler {
public:
  Flight(Bench::Client bench, int depth) : bench(bench), tasks(*this) {
    for (int i = 0; i < depth; i++) call();
  }
  uint64_t answered = 0;

private:
  void call() {
    auto request = bench.echoRequest();
    fill(request.initMsg());
    tasks.add(request.send().then([this](capnp::Response<Bench::EchoResults> &&r) {
      check(r.getMsg());
      answered++;
      call();
    }));
  }
  void taskFailed(kj::Exception &&e) override { kj::throwFatalException(kj::mv(e)); }
  Bench::Client bench;
  kj::TaskSet tasks;
};

static double micros(std::vector<double> &took, double part) {
  if (took.empty()) return 0;
  std::sort(took.begin(), took.end());
  return took[std::min(took.size() - 1, size_t(took.size() * part))];
}

// repeat calls one at a time, first to warm up and then between "begin" and "end".
template <typename Call> static void repeat(double seconds, Call call) {
  for (int i = 0; i < 8; i++) call();
  auto until = Clock::now() + std::chrono::duration<double>(std::min(seconds, 0.3));
  while (Clock::now() < until) call();
  std::vector<double> took;
  took.reserve(1 << 20);
  std::cout << "begin" << std::endl;
  auto end = Clock::now() + std::chrono::duration<double>(seconds);
  for (auto before = Clock::now(); before < end;) {
    call();
    auto now = Clock::now();
    took.push_back(std::chrono::duration<double, std::micro>(now - before).count());
    before = now;
  }
  auto n = took.size();
  std::cout << "end " << n << " " << micros(took, 0.5) << " " << micros(took, 0.99) << std::endl;
}

// tally lets things run on their own and says how many there were.
template <typename Count> static void tally(kj::Timer &timer, kj::WaitScope &scope, double seconds, Count count) {
  auto wait = [&](double s) { timer.afterDelay(int64_t(s * 1e6) * kj::MICROSECONDS).wait(scope); };
  wait(std::min(seconds, 0.3));
  auto before = count();
  std::cout << "begin" << std::endl;
  wait(seconds);
  std::cout << "end " << count() - before << " 0 0" << std::endl;
}

static void client(kj::StringPtr work, kj::StringPtr path, double seconds, int number) {
  auto address = kj::str("unix:", path);
  auto connections = kj::Vector<kj::Own<capnp::EzRpcClient>>();
  auto connect = [&](int count) {
    for (int i = 0; i < count; i++) connections.add(kj::heap<capnp::EzRpcClient>(address, 0, large));
  };
  connect(work == "idle" ? 1 : number); // what is idle must not be there before "begin"
  auto &first = *connections[0];
  auto &scope = first.getWaitScope();
  auto bench = first.getMain<Bench>();
  auto echo = [&](Bench::Client on) {
    auto request = on.echoRequest();
    fill(request.initMsg());
    check(request.send().wait(scope).getMsg());
  };
  auto &timer = first.getIoProvider().getTimer();

  if (work == "unary") {
    repeat(seconds, [&]() { echo(bench); });
  } else if (work == "blob") {
    auto data = kj::heapArray<kj::byte>(1 << 20);
    for (size_t i = 0; i < data.size(); i++) data[i] = i * 7;
    repeat(seconds, [&]() {
      auto request = bench.echoBytesRequest(capnp::MessageSize{(1 << 17) + 64, 0});
      request.setData(data);
      auto response = request.send().wait(scope);
      KJ_REQUIRE(response.getData() == data, "the echo differs");
    });
  } else if (work == "flight") {
    Flight flight(bench, 64);
    tally(timer, scope, seconds, [&]() { return flight.answered; });
  } else if (work == "push") {
    std::vector<uint64_t> counts(number);
    auto pushes = kj::Vector<kj::Promise<void>>();
    for (int i = 0; i < number; i++) {
      auto request = connections[i]->getMain<Bench>().pushRequest();
      request.setTo(kj::heap<Counter>(counts, i));
      pushes.add(request.send().ignoreResult().eagerlyEvaluate(nullptr));
    }
    while (std::count(counts.begin(), counts.end(), 0u) > 0) timer.afterDelay(5 * kj::MILLISECONDS).wait(scope);
    tally(timer, scope, seconds, [&]() {
      uint64_t all = 0;
      for (auto n : counts) all += n;
      return all;
    });
    std::cout.flush();
    std::cin.get();
    _exit(0); // the pushes never end by themselves
  } else if (work == "idle") {
    echo(bench);
    std::cout << "begin" << std::endl;
    std::cin.get();
    connect(number);
    for (auto &c : connections) echo(c->getMain<Bench>());
    std::cout << "end " << number << " 0 0" << std::endl;
  } else {
    KJ_FAIL_REQUIRE("no such work", work);
  }
  std::cin.get();
  _exit(0); // with the connections as they are
}

int main(int argc, char *argv[]) {
  KJ_REQUIRE(argc >= 3, "echo serve PATH | echo WORK PATH SECONDS COUNT");
  if (kj::StringPtr(argv[1]) == "serve") {
    capnp::EzRpcServer server(kj::heap<BenchServer>(), kj::str("unix:", argv[2]), 0, large);
    kj::NEVER_DONE.wait(server.getWaitScope());
  }
  KJ_REQUIRE(argc == 5, "echo WORK PATH SECONDS COUNT");
  client(argv[1], argv[2], atof(argv[3]), atoi(argv[4]));
}
