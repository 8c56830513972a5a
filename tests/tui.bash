# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# A real terminal for tests, by tmux: a server of the test's own, a bare
# environment, one window of a given size. The file's teardown() says tui_end.

# tui_start COLUMNSxROWS COMMAND...: the command alone has the terminal. What it
# needs in its environment beyond $VM_HOME, with `env` before it. $TUI_TERM is
# its TERM. That it has ended leaves the screen as it is.
tui_start() {
	local size=$1 conf=$T/tmux.conf

	shift
	command -v tmux >/dev/null || skip "no tmux: install it"
	tui_end
	cat >"$conf" <<-END
		set -g status off
		set -g default-terminal ${TUI_TERM:-tmux-256color}
		set -g escape-time 0
		set -g remain-on-exit on
		set -g remain-on-exit-format ''
		set -g history-limit 1000
	END
	rm -f "$T/tui.pid" "$T/tui.code"
	# tmux 3.3 may miss the end of a process, so a shell watches it.
	# shellcheck disable=SC2016 # for that shell
	env -i PATH="$PATH" HOME="$HOME" TMPDIR="$TMPDIR" LC_ALL="$LC_ALL" \
		VM_HOME="$VM_HOME" SHELL=/bin/sh ASAN_OPTIONS="$ASAN_OPTIONS" \
		tmux -u -S "$T/tmux" -f "$conf" new-session -d \
		-x "${size%x*}" -y "${size#*x}" sh -c '
			at=$1
			shift
			sh -c "echo \$\$ >\"\$0\"; exec \"\$@\"" \
				"$at.pid" "$@"
			echo $? >"$at.new"
			mv "$at.new" "$at.code"' sh "$T/tui" "$@" 3>&-
}

tui_do() {
	timeout 20 tmux -S "$T/tmux" "$@"
}

# tui_end: nothing is left of it
tui_end() {
	[ ! -S "$T/tmux" ] || tui_do kill-server 2>/dev/null || :
	rm -f "$T/tmux"
}

# tui_keys KEY...: as tmux names them: a, Enter, Escape, Up, C-c, M-x, F6
tui_keys() {
	tui_do send-keys "$@"
}

# tui_type TEXT: letter by letter
tui_type() {
	tui_do send-keys -l -- "$1"
}

# tui_screen: its text, a line for each row, blanks at the ends cut
tui_screen() {
	tui_do capture-pane -p
}

# tui_colors: the same with SGR sequences, and all blanks
tui_colors() {
	tui_do capture-pane -p -e -N
}

# tui_shows REGEX [SECONDS]: waits until a row of the screen matches
tui_shows() {
	tui_until "${2:-10}" grep -Eq -- "$1"
}

# tui_lacks REGEX [SECONDS]: waits until none does
tui_lacks() {
	tui_until "${2:-10}" tui_no "$1"
}

tui_no() {
	! grep -Eq -- "$1"
}

# tui_is FILE [SECONDS]: waits until the screen is the file's text
tui_is() {
	tui_until "${2:-10}" cmp -s - "$1" || {
		echo "wanted:"
		cat "$1"
		return 1
	}
}

# tui_until SECONDS COMMAND...: until the command likes the screen as its stdin
tui_until() {
	local end=$((SECONDS + $1 + 1))

	shift
	until tui_screen 2>/dev/null | "$@"; do
		[ "$SECONDS" -lt "$end" ] || {
			echo "never: $*; the screen:"
			tui_screen
			return 1
		}
		sleep 0.05
	done
}

# tui_size COLUMNSxROWS: resize it
tui_size() {
	tui_do resize-window -x "${1%x*}" -y "${1#*x}"
}

# tui_ask FORMAT: one of tmux's own, cursor_flag say
tui_ask() {
	tui_do display-message -p "#{$1}"
}

# The process that tui_start began.
tui_pid() {
	until_true 10 [ -s "$T/tui.pid" ] && cat "$T/tui.pid"
}

tui_dead() {
	[ -e "$T/tui.code" ]
}

# tui_ends CODE [SECONDS]: it ends with that code; 128 + n: by signal n
tui_ends() {
	until_true "${2:-10}" tui_dead || {
		tui_screen
		return 1
	}
	[ "$(cat "$T/tui.code")" = "$1" ] || {
		echo "got $(cat "$T/tui.code"), want $1; the screen:"
		tui_screen
		return 1
	}
}
