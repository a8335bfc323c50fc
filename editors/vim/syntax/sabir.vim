" Descriptions of Sabir, whose grammar is in spec/idl.md.
if exists('b:current_syntax')
  finish
endif

syntax case match
syntax sync minlines=50

" A word that begins a declaration stands at the beginning of a line.
syntax match sabirDeclaration /^\s*\%(import\|service\|method\|topic\|state\|table\|type\|error\)\>/
syntax match sabirKeyword /\<from\ze\s*"\|\<stream\>\%(\s*:\)\@!/
syntax match sabirType /\<\%(bool\|int\|int64\|uint64\|float\|string\|bytes\|time\|any\|enum\|union\)\>\%(\s*:\)\@!/
syntax match sabirFlag /\<\%(readonly\|idempotent\|destructive\|common\|unstable\|sensitive\)\>\%(\s*:\)\@!/
syntax match sabirNote /\<\%(access\|deprecated\|since\|min\|max\|pattern\|default\|example\|unit\)\ze\s*=/
syntax match sabirLevel /\%(access\s*=\s*\)\@<=\%(read\|write\|admin\)\>/
syntax keyword sabirValue true false null
syntax match sabirName /\<[A-Z][A-Za-z0-9]*\>/
" A field may be called whatever a word means elsewhere.
syntax match sabirField /\<[a-z][a-z0-9_]*\ze\s*:/
syntax match sabirNumber /-\?\<\d\+\%(\.\d\+\)\?\%([eE][+-]\?\d\+\)\?\>/
syntax region sabirText start=/"/ skip=/\\./ end=/"/ oneline contains=sabirEscape
syntax match sabirEscape /\\\%(["\\\/bfnrt]\|u\x\{4}\)/ contained
syntax match sabirComment /\/\/.*$/ contains=@Spell
syntax match sabirOperator /->\|[!?]/

highlight default link sabirDeclaration Statement
highlight default link sabirKeyword Keyword
highlight default link sabirType Type
highlight default link sabirFlag StorageClass
highlight default link sabirNote Identifier
highlight default link sabirLevel Constant
highlight default link sabirValue Boolean
highlight default link sabirName Structure
highlight default link sabirField Normal
highlight default link sabirNumber Number
highlight default link sabirText String
highlight default link sabirEscape SpecialChar
highlight default link sabirComment Comment
highlight default link sabirOperator Operator

let b:current_syntax = 'sabir'
