// Package names turns names of Go into names of descriptions, and finds free
// ones for what is generated.
package names

// Snake turns MaxSize into max_size, ID into id and HTTPPort into http_port.
func Snake(s string) string {
	upper := func(i int) bool { return s[i] >= 'A' && s[i] <= 'Z' }
	var out []byte
	for i := range len(s) {
		c := s[i]
		if upper(i) {
			if i > 0 && (!upper(i-1) || i+1 < len(s) && !upper(i+1) && s[i+1] != '_') && s[i-1] != '_' {
				out = append(out, '_')
			}
			c += 'a' - 'A'
		}
		out = append(out, c)
	}
	return string(out)
}
