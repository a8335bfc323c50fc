" Descriptions of Sabir: sabir check finds what is wrong, sabir fmt puts them into their one form.
if exists('b:did_ftplugin')
  finish
endif
let b:did_ftplugin = 1

setlocal comments=:// commentstring=//\ %s noexpandtab shiftwidth=0
setlocal makeprg=sabir\ check\ %:S
setlocal errorformat=%f:%l:%c:\ %m,%-G\	hint:%.%#
setlocal formatprg=sabir\ fmt\ -

let b:undo_ftplugin = 'setlocal comments< commentstring< expandtab< shiftwidth< makeprg< errorformat< formatprg<'
