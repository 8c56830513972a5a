# SPDX-License-Identifier: MIT
# Completion of vm(1) and its tools for fish. share/vm-utils/complete knows what
# there is. Installed as vm.fish, with links named as tools.

set -g __vm_complete (path resolve (status filename) | path dirname |
	path dirname | path dirname)/vm-utils/complete

function __vm_candidates
	set -l cur (commandline -ct)
	$__vm_complete (commandline -opc) "$cur" 2>/dev/null |
		while read -l -d \t word help prefix
			if test -n "$word"
				printf '%s\t%s\n' $word $help
				continue
			end
			set -l from (math 1 + (string length -- "$prefix"))
			for f in (__fish_complete_path (string sub -s $from -- "$cur"))
				printf '%s\n' "$prefix$f"
			end
		end
end

complete -c vm -f -a '(__vm_candidates)'
complete -c (status filename | path basename | path change-extension '') \
	-f -a '(__vm_candidates)'
if command -q vm
	for __vm_name in vm-(vm --list-cmds)
		complete -c $__vm_name -f -a '(__vm_candidates)'
	end
	set -e __vm_name
end
