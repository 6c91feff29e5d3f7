#!/bin/sh
# Runs one real Apache Kafka broker in KRaft mode in the foreground, until it gets a signal:
#
#   kafka.sh DATA DIR PORT [CONTROLLER_PORT] [KEY=VALUE ...]
#
# DATA has kafka/lib (setup.sh). DIR keeps the broker's files: formatted when new, taken over when not. Further settings
# of server.properties may follow. Loopback only, no login: for tests and the demo.
set -eu
data=${1:?usage: kafka.sh DATA DIR PORT [CONTROLLER_PORT] [KEY=VALUE ...]} dir=${2:?DIR} port=${3:?PORT}
controller=${4:-$((port + 1))}
shift 3
[ $# -eq 0 ] || shift
mkdir -p "$dir"
cat > "$dir/server.properties" <<END
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$controller
listeners=PLAINTEXT://127.0.0.1:$port,CONTROLLER://127.0.0.1:$controller
advertised.listeners=PLAINTEXT://127.0.0.1:$port
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT,SASL_SSL:SASL_SSL,SSL:SSL
inter.broker.listener.name=PLAINTEXT
log.dirs=$dir/log
num.partitions=1
auto.create.topics.enable=false
offsets.topic.num.partitions=4
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=8
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
transaction.abort.timed.out.transaction.cleanup.interval.ms=1000
message.max.bytes=8388608
log.segment.bytes=67108864
log.cleaner.dedupe.buffer.size=8388608
log.cleaner.threads=1
num.network.threads=2
num.io.threads=4
num.recovery.threads.per.data.dir=2
END
for setting in "$@"; do
	echo "$setting" >> "$dir/server.properties"
done
cat > "$dir/log4j2.yaml" <<END
Configuration:
  Appenders:
    Console:
      name: STDERR
      target: SYSTEM_ERR
      PatternLayout:
        pattern: "%d %p %m (%c)%n"
  Loggers:
    Root:
      level: \${env:KAFKA_LOG_LEVEL:-ERROR}
      AppenderRef:
        ref: STDERR
END
run() {
	${RUN:-} java -Xms256m -Xmx512m -XX:+UseSerialGC -XX:TieredStopAtLevel=${KAFKA_JIT:-4} -XX:-UsePerfData -Xshare:auto \
		-Dlog4j2.configurationFile="$dir/log4j2.yaml" -Dkafka.logs.dir="$dir" -cp "$data/kafka/lib/*" "$@"
}
if [ ! -f "$dir/log/meta.properties" ]; then
	run kafka.tools.StorageTool format --ignore-formatted -t cmlza2RyaXNrZHJpc2tkMQ -c "$dir/server.properties" >"$dir/format.log" 2>&1 || {
		cat "$dir/format.log" >&2
		exit 1
	}
fi
RUN=exec run kafka.Kafka "$dir/server.properties"
