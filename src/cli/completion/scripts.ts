/** The scripts of `isthmus completion`: each asks `isthmus __complete` what may stand there, and leaves files to its shell. */

export function scriptFor(shell: 'bash' | 'zsh' | 'fish'): string {
  switch (shell) {
    case 'bash':
      return BASH
    case 'zsh':
      return ZSH
    case 'fish':
      return FISH
  }
}

const BASH = `# Completion of isthmus for bash: source <(isthmus completion bash)
_isthmus() {
  local cur="\${COMP_WORDS[COMP_CWORD]}" line
  local -a found
  [[ "$cur" == "=" ]] && cur=""
  mapfile -t found < <("\${COMP_WORDS[0]}" __complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
  COMPREPLY=()
  case "\${found[0]-}" in
    :file)
      compopt -o filenames 2>/dev/null
      mapfile -t COMPREPLY < <(compgen -f -- "$cur")
      return
      ;;
    :directory)
      compopt -o filenames 2>/dev/null
      mapfile -t COMPREPLY < <(compgen -d -- "$cur")
      return
      ;;
  esac
  for line in "\${found[@]}"; do
    COMPREPLY+=("\${line%%$'\\t'*}")
  done
}
complete -F _isthmus isthmus
`

const ZSH = `#compdef isthmus
# Completion of isthmus for zsh: source <(isthmus completion zsh), behind compinit
_isthmus() {
  local -a found shown
  local line
  found=("\${(@f)$("\${words[1]}" __complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  case "\${found[1]}" in
    :file) _files; return ;;
    :directory) _files -/; return ;;
    '') return 1 ;;
  esac
  for line in "\${found[@]}"; do
    shown+=("\${\${line%%$'\\t'*}//:/\\\\:}:\${line#*$'\\t'}")
  done
  _describe 'isthmus' shown
}
compdef _isthmus isthmus
`

const FISH = `# Completion of isthmus for fish
function __isthmus_complete
  set -l words (commandline -opc) (commandline -ct)
  set -l found ($words[1] __complete -- $words[2..-1] 2>/dev/null)
  switch "$found[1]"
    case ':file'
      __fish_complete_path (commandline -ct)
    case ':directory'
      __fish_complete_directories (commandline -ct)
    case '*'
      printf '%s\\n' $found
  end
end
complete -c isthmus -f -a '(__isthmus_complete)'
`
