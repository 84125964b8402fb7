#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What holds for the sources without running them. Each piece is a script beside this file that
# is silent and exits 0 when it is content.

piece() {
	"$BATS_TEST_DIRNAME/$1"
}

@test "lint: a file of src includes lower floors only" {
	piece floors
}

@test "lint: each kernel interface has one door" {
	piece doors
}

@test "lint: every function in a header has a contract" {
	piece contracts
}

@test "lint: licence lines and widths in src" {
	piece text
}

@test "lint: the top level of the tree" {
	piece tree
}

@test "lint: shellcheck" {
	piece shell
}

@test "lint: man pages" {
	piece man
}

@test "lint: spelling" {
	piece spelling
}

@test "lint: cppcheck" {
	piece cppcheck
}

@test "lint: clang-tidy" {
	piece clang-tidy
}

@test "lint: gcc -fanalyzer" {
	piece analyzer
}
