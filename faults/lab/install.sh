#!/bin/sh
# Installs the clients that `deno task lab` judges, on Debian 12 or 13 as root:
#   faults/lab/install.sh FOLDER
# Debian's packages go where they belong, everything else below FOLDER. FOLDER/bin has a command for
# each client, which takes URL [PAUSE [NEXT]], or --version. What cannot be installed is named, and
# left out.
set -u
cd "$(dirname "$0")" || exit 1
mkdir -p "${1:?Usage: install.sh FOLDER}/bin" "$1/java" || exit 1
folder=$(cd "$1" && pwd)
export DEBIAN_FRONTEND=noninteractive

# Packages of Debian, unless their command is there.
debian() {
  command -v "$1" >/dev/null && return
  shift
  apt-get install --yes --no-install-recommends "$@" >"$folder/apt.log" 2>&1 ||
    echo "Not installed: $*"
}

# A client's command in FOLDER/bin: how to run it, and how to print its version.
client() {
  # shellcheck disable=SC2016 # the script that is written expands them
  printf '#!/bin/sh\n[ "$1" = --version ] || exec %s "$@"\n%s\n' "$2" "$3" >"$folder/bin/$1"
  chmod +x "$folder/bin/$1"
  version=$("$folder/bin/$1" --version 2>"$folder/version.log") && [ -n "$version" ] &&
    echo "$1 $version" && return
  rm "$folder/bin/$1"
  echo "Not installed: $1"
}

# How to print the version of a package of Debian, which has repairs of its own.
version_of() { echo "dpkg-query --show --showformat='\${Version}' $1"; }

apt-get update >"$folder/apt.log" 2>&1
debian curl curl
debian wget wget
debian aria2c aria2
debian ruby ruby
debian php php-cli
apt-get install --yes --no-install-recommends php-curl php-guzzlehttp-guzzle libwww-perl \
  python3-venv ca-certificates >"$folder/apt.log" 2>&1 || echo "Not installed: Guzzle, LWP"
debian npm npm
debian go golang-go
debian cargo cargo
debian javac openjdk-25-jdk-headless
debian javac default-jdk-headless
debian mvn maven
debian chromium-headless-shell chromium-headless-shell

# JavaScript: a module finds packages beside itself only.
cp javascript/*.mjs "$folder/"
npm install --silent --prefix "$folder" node@24.21.0 deno@2.9.6 bun@1.4.5 \
  undici@8.13.1 axios@1.21.1 got@16.1.0 puppeteer-core@25.16.0
tools=$folder/node_modules/.bin
node=$tools/node
package() {
  echo "$node -p 'require(\"$folder/node_modules/$1/package.json\").version +
    \" on Node.js \" + process.versions.node'"
}
client fetch_node "$node $folder/fetch.mjs" "$node --version"
client fetch_deno "$tools/deno run --quiet --allow-net $folder/fetch.mjs" \
  "$tools/deno eval 'console.log(Deno.version.deno)'"
client fetch_bun "$tools/bun $folder/fetch.mjs" "$tools/bun --version"
for name in undici axios got; do
  client "$name" "$node $folder/$name.mjs" "$(package "$name")"
done
client chromium "$node $folder/chromium.mjs $(command -v chromium-headless-shell)" "$(version_of chromium-headless-shell)"

# Python
python3 -m venv "$folder/python"
"$folder/python/bin/pip" install --quiet --disable-pip-version-check urllib3==2.8.0 \
  requests==2.34.2 httpx==0.28.1 aiohttp==3.14.5 pycurl==7.49.0
cp python/*.py "$folder/python/"
python=$folder/python/bin/python
client urllib "$python $folder/python/with_urllib.py" \
  "$python -c 'import platform; print(platform.python_version())'"
for name in urllib3 requests httpx aiohttp; do
  client "$name" "$python $folder/python/with_$name.py" \
    "$python -c 'import platform, $name
print($name.__version__, \"on Python\", platform.python_version())'"
done
client pycurl "$python $folder/python/with_pycurl.py" \
  "$python -c 'import pycurl; print(pycurl.version_info()[1])'"

# Go, Rust, Java
# Debian's own Go is out of support; it fetches this one (from 1.21 on).
GOTOOLCHAIN=go1.26.8 go build -o "$folder/net_http" net_http.go
client net_http "$folder/net_http" "go version $folder/net_http | grep -o 'go[0-9.]*$' | tr -d go"
cp rust/* "$folder/"
cargo build --quiet --release --manifest-path "$folder/Cargo.toml"
for name in reqwest ureq; do
  client "$name" "$folder/target/release/$name" "[ -x $folder/target/release/$name ] &&
    sed -n 's/^$name = .*\"=\([0-9.]*\)\".*/\1/p' $folder/Cargo.toml"
done
mvn -q -B -U -f java/pom.xml dependency:copy-dependencies "-DoutputDirectory=$folder/java"
javac -d "$folder/java" -cp "$folder/java/*" java/*.java
# These options shorten the start, and change nothing else.
java="java -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -cp '$folder/java:$folder/java/*'"
jar() { printf '%s\n' "ls $folder/java | sed -n 's/^$1-\([0-9.]*\)\.jar$/\1/p'"; }
client java "$java JavaHttpClient" "java --version | sed -n '1s/[^0-9]*\([0-9.]*\).*/\1/p'"
client okhttp "$java OkHttp" "$(jar okhttp-jvm)"
client apache "$java Apache" "$(jar httpclient5)"

# Ruby, PHP, Perl, and commands
cp ./*.rb ./*.php ./*.pl aria2.sh "$folder/"
client net_http_ruby "ruby $folder/net_http.rb" "ruby -e 'puts RUBY_VERSION'"
client streams "php $folder/streams.php" "php -r 'echo PHP_VERSION;'"
client guzzle "php $folder/guzzle.php" "$(version_of php-guzzlehttp-guzzle)"
client lwp "perl $folder/lwp.pl" "$(version_of libwww-perl)"
client aria2 "sh $folder/aria2.sh" "$(version_of aria2)"
client curl "curl -sSL --fail-early -m 3" "$(version_of curl)"
client wget "wget -qO- --tries=1 -T 3" "$(version_of wget)"
