autocmd BufNewFile,BufRead *.sabir setfiletype sabir
