# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# For tests/check: builds, and what is checked without running anything. $lab is the lab,
# $models where device models are built.
#
# shellcheck disable=SC2154 # check sets them

# What a kernel is built with; sparse looks at it apart (sparse_is_silent).
build()
{
	$lab exec -- make -s -j"$(nproc)" modules EXTRA=1 KDIR="/kernels/$1" BUILD="build/$1" KFLAGS="W=1 ${2-}" 2>&1 |
		grep -v '^Skipping BTF generation'
	[ "${PIPESTATUS[0]}" -eq 0 ]
}

build_from_nothing()
{
	rm -rf "build/$1/drivers" "build/$1/samples" "build/$1/tests"
	build "$1"
}

sparse() { build "$1" C=2; }

build_selftests() { $lab exec -- make -s -j"$(nproc)" tests BUILD="build/$1"; }
build_models()
{
	$lab exec -- make -s -j"$(nproc)" -C tests/models BUILD="$models" &&
		$lab exec -- make -s -C tests/pins BUILD="$models/pins-test"
}
install_profiles() { $lab exec -- make -s -j"$(nproc)" -C tools/mdevctl-profiles install DESTDIR="$PWD/build/$1/root"; }

scripts() { git grep -lE '^#! ?/bin/(ba)?sh' -- . ':!*.md'; }

sources() { git ls-files -- 'drivers/*.[ch]' 'include/*.h' 'samples/*.[ch]' 'tests/modules/*.[ch]' "$@"; }

# checkpatch IGNORE FILE...: the kernel's rules. Not heeded: ALLOC_WITH_SIZEOF, since
# 6.1 and 6.12 have no kzalloc_obj(), and IGNORE.
checkpatch()
{
	local ignore=$1

	shift
	$lab exec -- perl /kernels/tools/scripts/checkpatch.pl --no-tree --quiet --terse \
		--show-types --no-summary --ignore "$ignore" --file "$@"
}

checkpatch_strict() { mapfile -t list < <(sources ':!*trace.h'); checkpatch ALLOC_WITH_SIZEOF --strict "${list[@]}"; }

# TRACE_EVENT() is laid out like no other macro.
checkpatch_trace()
{
	mapfile -t list < <(git ls-files -- '*trace.h')
	checkpatch ALLOC_WITH_SIZEOF,OPEN_ENDED_LINE,PARENTHESIS_ALIGNMENT --strict "${list[@]}"
}

# The same for programs, without what only the kernel has or forbids; and not for what
# stands in for the kernel itself.
checkpatch_programs()
{
	local ignore=VOLATILE,STRCPY,ARRAY_SIZE,NAKED_SSCANF,STATIC_CONST_CHAR_ARRAY

	ignore+=,PREFER_KERNEL_TYPES,PREFER_DEFINED_ATTRIBUTE_MACRO,EMBEDDED_FUNCTION_NAME
	ignore+=,MULTISTATEMENT_MACRO_USE_DO_WHILE
	mapfile -t list < <(git ls-files -- 'tests/*.[ch]' ':!tests/modules' ':!tests/pins/include')
	checkpatch "$ignore" "${list[@]}"
}

kernel_doc() { mapfile -t list < <(sources); $lab exec -- python3 /kernels/tools/scripts/kernel-doc -none -Wall "${list[@]}"; }
shellcheck_scripts() { mapfile -t list < <(scripts); $lab exec -- shellcheck -x "${list[@]}"; }
