package names

import "testing"

func TestSnake(t *testing.T) {
	for in, want := range map[string]string{
		"Room": "room", "MaxSize": "max_size", "ID": "id", "UserID": "user_id", "HTTPPort": "http_port", "URLs": "ur_ls", "A": "a", "AB": "ab", "ABc": "a_bc",
		"X1": "x1", "Sha256Sum": "sha256_sum", "Max_Size": "max_size", "IPv4": "i_pv4", "Type": "type",
	} {
		if got := Snake(in); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}
