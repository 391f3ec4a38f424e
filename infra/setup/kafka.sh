#!/usr/bin/env bash
# `npm run setup:kafka`: the jars of a real Kafka, Kafka Connect and Debezium into .run/bin, by Maven. With them the tests of the
# Kafka sink and of the Debezium connector run; without them they are skipped. Needs Java 17 and mvn.
set -euo pipefail
cd "$(dirname "$0")/../.."
version=4.1.1
debezium=3.2.0.Final
kept=.run/bin/kafka-$version-debezium-$debezium

say() { echo "setup:kafka: $*" >&2; }
if [ -d "$kept" ]; then exit 0; fi
for program in java mvn; do
  command -v "$program" > /dev/null || {
    say "$program is not here: install Java 17 and Maven (on Debian: apt-get install default-jre-headless maven), then run this again"
    exit 78
  }
done
mkdir -p .run/bin
work=$(mktemp -d "$PWD/.run/bin/kafka-XXXXXX.build")
trap 'rm -rf "$work"' EXIT
dependency() { echo "<dependency><groupId>$1</groupId><artifactId>$2</artifactId><version>$3</version></dependency>"; }
cat > "$work/pom.xml" << POM
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>seckill</groupId><artifactId>kafka-for-tests</artifactId><version>1</version>
  <dependencies>
    $(dependency org.apache.kafka kafka_2.13 "$version")
    $(dependency org.apache.kafka connect-runtime "$version")
    $(dependency io.debezium debezium-connector-postgres "$debezium")
  </dependencies>
</project>
POM
say 'fetching Kafka, Kafka Connect and Debezium (usually 60 s)'
if ! timeout 600 mvn -q -B -f "$work/pom.xml" dependency:copy-dependencies -DoutputDirectory="$work/jars" > "$work/log" 2>&1; then
  say "they cannot be fetched: $(grep -m1 ERROR "$work/log" || tail -n 1 "$work/log")"
  exit 78
fi
mv "$work/jars" "$kept"
echo "kafka $version, debezium $debezium: $kept"
