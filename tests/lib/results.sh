# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# For tests/check: KTAP and what became of it. Each task (a check, a boot) leaves a
# file of lines "ok|skip|fail<TAB>NAME", its results.

# results LOG: the KTAP results in LOG, which may hold several documents. A test that
# was planned and didn't report has failed.
results()
{
	awk '
		function missing() { for (; seen < plan; seen++) print "fail\ta planned test did not report" }
		/^TAP version|^KTAP version/ { missing(); plan = seen = 0 }
		/^1\.\.[0-9]+/ { plan = substr($1, 4) }
		/^(not )?ok [0-9]/ {
			seen++; ran++
			name = $0; sub(/^(not )?ok [0-9]+ *(- )?/, "", name)
			print ($1 == "not" ? "fail" : name ~ /# SKIP/ ? "skip" : "ok") "\t" name
		}
		END {
			missing()
			if (!ran) print "fail\tno test ran"
		}' "$1"
}

# tally RESULTS: for people
tally()
{
	awk -F'\t' '{ n[$1]++ } END {
		printf "%d passed, %d failed, %d skipped", n["ok"], n["fail"], n["skip"] }' "$1"
}

# What failed in a KTAP log: what was said since the test before it; and how it ends
bad_news()
{
	awk '
		function show(i) {
			if (program) print program
			for (i = 0; i < n; i++) print said[i]
			program = ""
		}
		/^#  *(RUN|OK|SKIP) |^#  *OK$|^# Starting |^1\.\.|^$/ { next }
		/^# [a-z_]+$/ { program = $0; n = 0; next }
		/^TAP version/ { n = 0; next }
		/^ok / { n = 0; next }
		{ said[n++] = $0 }
		/^not ok / { show(); n = 0 }
		/^# Totals:/ { n = 0 }
		END { show() }' "$1"
}

complaints='BUG:|WARNING:|Oops|KASAN|UBSAN|possible circular|refcount_t|blocked for more than|unreferenced object'
dmesg_is_clean() { ! grep -hE "$complaints" "$@"; }

# stamp TIMES: passes lines on; TIMES has, for each of them, when it came.
stamp()
{
	local line

	while IFS= read -r line; do
		printf '%s\n' "$line"
		printf '%s\n' "$EPOCHREALTIME" >&3
	done 3>"$1"
}

# slowest COUNT LOG...: of tests, "SECONDS LOG: NAME", the longest first. A LOG's
# stamps are LOG.times.
slowest()
{
	local count=$1 log

	shift
	for log; do
		[ ! -s "$log.times" ] || paste -d' ' "$log.times" "$log" | awk -v from="${log%/ktap.log}" '
			NR == 1 || $2 == "#" && $3 ~ /^(RUN|Starting)$/ { since = $1 }
			$2 == "ok" || $2 == "not" {
				name = $0; sub(/^[^ ]* (not )?ok [0-9]+ *(- )?/, "", name)
				printf "%.1f %s: %s\n", $1 - since, from, name
				since = $1
			}'
	done | sort -rn | head -n "$count"
}

# profile DIR...: of boots, from what `lab run` left in DIR/times, a table
profile()
{
	local dir

	printf '%-26s %9s %7s %6s %7s %8s %5s %6s %6s\n' '' 'firmware' kernel user 'devices' programs off total 'CPU %'
	for dir; do
		[ ! -s "$dir/times" ] || awk -v name="${dir#build/log/}" '
			{ at[$1] = $2 }
			function from(a, b) { return a in at && b in at ? sprintf("%.1f", at[b] - at[a]) : "-" }
			END {
				printf "%-26s %9s %7s %6s %7s %8s %5s %6s %6.0f\n", name,
					from("qemu", "firmware"), from("firmware", "initrd"), from("initrd", "up"),
					"resumed" in at ? from("qemu", "command") : from("up", "command"),
					from("command", "ended"), from("ended", "off"), from("begin", "off"),
					100 * at["cpu"] / (at["off"] - at["begin"])
			}' "$dir/times"
	done
}

# profile_json DIR...: the same, for programs
profile_json()
{
	local dir comma=''

	printf '{"boots":['
	for dir; do
		[ -s "$dir/times" ] || continue
		printf '%s\n{"boot":"%s"' "$comma" "${dir#build/log/}"
		awk '{ printf ",\"%s\":%s", $1, $2 }' "$dir/times"
		printf '}'
		comma=,
	done
	printf '\n]}\n'
}
