#!/bin/sh
# deps.sh CLASS... : sees that the Debian packages of each class are there; installs the missing ones through apt
# where it may (root, or sudo without a password), else prints the one command to type and fails.
# Classes: build check lint bench. On a system without dpkg it only names what is needed.
set -eu

build='gcc make pkg-config libc6-dev libjq-dev libonig-dev libzstd-dev zlib1g-dev liblzma-dev liblz4-dev libbz2-dev libssl-dev libcurl4-openssl-dev libexpat1-dev libxxhash-dev librdkafka-dev tzdata'
check="$build bats time perl valgrind libcmocka-dev mandoc jq zstd gzip xz-utils lz4 bzip2 strace python3 python3-venv procps util-linux zsh fish openjdk-17-jre-headless maven openssl curl kcat"
lint="$build clang clang-format cppcheck shellcheck mandoc"
bench="$build jq zstd miller python3 python3-venv time g++ libsimdjson-dev"
fuzz="$build clang libclang-rt-14-dev"

want=
for class in "$@"; do
	case $class in
	build) want="$want $build" ;;
	check) want="$want $check" ;;
	lint) want="$want $lint" ;;
	bench) want="$want $bench" ;;
	fuzz) want="$want $fuzz" ;;
	*) echo "deps.sh: unknown class '$class'" >&2; exit 2 ;;
	esac
done

if ! command -v dpkg-query >/dev/null 2>&1; then
	echo "deps.sh: no dpkg here; these Debian packages name what is needed:$want" >&2
	exit 0
fi

missing=
for p in $want; do
	case " $missing " in *" $p "*) continue ;; esac
	[ "$(dpkg-query -W -f='${db:Status-Status}' "$p" 2>/dev/null)" = installed ] || missing="$missing $p"
done
[ -n "$missing" ] || exit 0

sudo=
if [ "$(id -u)" != 0 ]; then
	if sudo -n true 2>/dev/null; then
		sudo=sudo
	else
		echo "deps.sh: these packages are missing; type:" >&2
		echo "    sudo apt-get install -y$missing" >&2
		exit 1
	fi
fi
echo "installing:$missing" >&2
export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086
install() { $sudo apt-get install -y -q --no-install-recommends $missing >&2; }
install || { $sudo apt-get update -q >&2 && install; }
