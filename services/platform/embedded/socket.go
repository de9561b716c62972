package embedded

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// socketPathLimit is below the 104 bytes macOS and the 108 Linux allow.
const socketPathLimit = 100

// SocketDir returns a directory for a server's socket of that name: run below
// the locked directory, or where that path is too long for a socket, one in the
// temporary directory under a name made from it.
func (l *Lock) SocketDir(server, socket string) string {
	dir := l.Path("run")
	if len(filepath.Join(dir, socket)) < socketPathLimit {
		return dir
	}
	sum := sha256.Sum256([]byte(l.Dir()))
	return filepath.Join(os.TempDir(), "douyin-"+server+"-"+strconv.Itoa(os.Getuid())+"-"+hex.EncodeToString(sum[:6]))
}

// Within reports whether a path lies in the locked directory.
func (l *Lock) Within(path string) bool {
	return strings.HasPrefix(path, l.Dir()+string(filepath.Separator))
}
