#include "relay/system_load.h"

#include <gtest/gtest.h>

#include <map>

namespace tollgate::relay {
namespace {

using std::chrono::seconds;
using std::chrono::steady_clock;

// A machine whose files a test writes.
class Machine {
 public:
  std::map<std::string, std::string> files;
  SystemLoad load{[this](const char* path) { return files[path]; }};
  steady_clock::time_point now = steady_clock::time_point() + seconds(1000);

  LoadSample after(seconds time) {
    now += time;
    load.sample(now);
    return load.current();
  }
};

LoadThresholds above(int cpu, int memory, int disk) { return {true, {cpu, memory, disk}}; }

}  // namespace

TEST(SystemLoad, CpuIsWhatWasBusyBetweenTwoSamples) {
  Machine machine;
  machine.files["/proc/stat"] = "cpu  1000 0 500 8000 500 0 0 0 700 0\ncpu0 1 1 1 1\n";
  EXPECT_EQ(machine.after(seconds(5)).cpu, 0);
  machine.files["/proc/stat"] = "cpu  1700 0 600 8150 550 0 0 0 900 0\n";  // 800 of 1000; guests are in user
  EXPECT_EQ(machine.after(seconds(5)).cpu, 80);
  EXPECT_EQ(machine.after(seconds(5)).cpu, 0);
}

TEST(SystemLoad, CpuIsThatOfTheControlGroupWhereItHasALimit) {
  Machine machine;
  machine.files["/proc/stat"] = "cpu  1 0 0 1 0 0 0 0\n";
  machine.files["/sys/fs/cgroup/cpu.max"] = "150000 100000\n";
  machine.files["/sys/fs/cgroup/cpu.stat"] = "usage_usec 10000000\nuser_usec 1\n";
  EXPECT_EQ(machine.after(seconds(5)).cpu, 0);
  machine.files["/sys/fs/cgroup/cpu.stat"] = "usage_usec 16000000\nuser_usec 1\n";  // 6 s of 1.5 × 5 s
  EXPECT_EQ(machine.after(seconds(5)).cpu, 80);
}

TEST(SystemLoad, AControlGroupWithoutALimitIsTheMachine) {
  Machine machine;
  machine.files["/sys/fs/cgroup/cpu.max"] = "max 100000\n";
  machine.files["/sys/fs/cgroup/memory.max"] = "max\n";
  machine.files["/proc/stat"] = "cpu  0 0 0 100\n";
  machine.files["/proc/meminfo"] = "MemTotal:       1000 kB\nMemFree:         100 kB\nMemAvailable:    250 kB\n";
  EXPECT_EQ(machine.after(seconds(5)).memory, 75);
  machine.files["/proc/stat"] = "cpu  50 0 0 150\n";
  EXPECT_EQ(machine.after(seconds(5)).cpu, 50);
}

TEST(SystemLoad, MemoryOfAControlGroupIsWithoutFilesThatItGivesBack) {
  Machine machine;
  machine.files["/sys/fs/cgroup/memory.max"] = "1000000\n";
  machine.files["/sys/fs/cgroup/memory.current"] = "990000\n";
  machine.files["/sys/fs/cgroup/memory.stat"] = "anon 400000\nfile 590000\ninactive_file 540000\nactive_file 50000\n";
  EXPECT_EQ(machine.after(seconds(5)).memory, 45);
}

TEST(SystemLoad, WhatCannotBeReadCountsAsNothing) {
  Machine machine;
  auto load = machine.after(seconds(5));
  EXPECT_EQ(load.cpu, 0);
  EXPECT_EQ(load.memory, 0);
  EXPECT_EQ(load.disk, 0);
}

TEST(SystemLoad, SamplesOnceAtTheStartAndStopsAtOnce) {
  SystemLoad load([](const char* path) {
    return std::string(path) == "/proc/meminfo" ? "MemTotal: 100 kB\nMemAvailable: 10 kB\n" : "";
  });
  load.start("/", std::chrono::hours(1));
  EXPECT_EQ(load.current().memory, 90);
  load.stop();
}

TEST(SystemLoad, IsTooMuchOnlyAboveItsThreshold) {
  EXPECT_FALSE(overloaded({90, 90, 90}, above(90, 90, 90)));
  EXPECT_EQ(overloaded({91, 0, 0}, above(90, 90, 90)), Overloaded::kCpu);
  EXPECT_EQ(overloaded({0, 91, 0}, above(90, 90, 90)), Overloaded::kMemory);
  EXPECT_EQ(overloaded({0, 0, 91}, above(90, 90, 90)), Overloaded::kDisk);
  EXPECT_EQ(overloaded({99, 99, 99}, above(90, 90, 90)), Overloaded::kCpu);
  EXPECT_EQ(overloaded({99, 99, 99}, above(0, -5, 90)), Overloaded::kDisk);
  EXPECT_FALSE(overloaded({100, 100, 100}, {}));
}

TEST(SystemLoad, ThresholdsComeFromTheOptions) {
  auto read = LoadThresholds::of(core::Options());
  EXPECT_TRUE(read.enabled);
  EXPECT_EQ(read.above.cpu, 90);
  core::OptionRows rows{{"performance_setting.monitor_enabled", "false"},
                        {"performance_setting.monitor_disk_threshold", "95"}};
  read = LoadThresholds::of(core::Options(rows));
  EXPECT_FALSE(read.enabled);
  EXPECT_EQ(read.above.disk, 95);
}

TEST(SystemLoad, IsToldInTheShapeOfTheRoute) {
  EXPECT_EQ(overload_body(Overloaded::kDisk, "/v1/chat/completions"),
            R"({"error":{"message":"system disk overloaded","type":"new_api_error","param":"",)"
            R"("code":"system_disk_overloaded"}})");
  EXPECT_EQ(overload_body(Overloaded::kCpu, "/v1/messages"),
            R"({"error":{"type":"new_api_error","message":"system cpu overloaded"}})");
}

}  // namespace tollgate::relay
