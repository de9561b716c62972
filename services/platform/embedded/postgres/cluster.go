package postgres

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
)

// initCluster makes the cluster if there is none. It is built beside its place
// and moved there whole, so an interrupted first start leaves nothing half done.
func initCluster(ctx context.Context, inst installation, id identity, data string) error {
	_, err := os.Stat(data)
	if err == nil || !errors.Is(err, os.ErrNotExist) {
		return err
	}
	fresh := data + ".new"
	var tried []error
	for _, locale := range locales {
		if err := os.RemoveAll(fresh); err != nil {
			return fmt.Errorf("clear unfinished cluster: %w", err)
		}
		err := initdb(ctx, inst, id, fresh, locale)
		if err == nil {
			return os.Rename(fresh, data)
		}
		tried = append(tried, err)
	}
	return errors.Join(tried...)
}

// locales are tried in order. All of them sort by code point, on every machine
// alike; the later ones are for systems that do not have the first. The
// character type matters for lower() beyond ASCII, which makes names unique.
var locales = [][]string{
	{"--locale=C.UTF-8"},
	{"--locale=C", "--lc-ctype=en_US.UTF-8"},
	{"--locale=C"},
}

func initdb(ctx context.Context, inst installation, id identity, dir string, locale []string) error {
	args := append([]string{
		"--pgdata=" + dir, "--username=" + superuser, "--auth=trust", "--encoding=UTF8",
		// Nothing to lose yet, and the first checkpoint writes what follows.
		"--no-sync", "--no-instructions",
		// A new segment is filled with zeros while everybody who commits waits:
		// 16 MB, the default, take 50 ms.
		"--wal-segsize=2",
	}, locale...)
	if out, err := id.commandContext(ctx, inst.bin("initdb"), args...).CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, out)
	}
	return nil
}

// settings are given on the command line and not in a file, so that a newer
// version of this program changes them for an older cluster too.
func settings(opts Options, socket, hba string) []string {
	connections := opts.MaxConnections
	if connections == 0 {
		connections = 200
	}
	set := map[string]string{
		"listen_addresses":        "",
		"port":                    strconv.Itoa(port),
		"unix_socket_directories": socket,
		"unix_socket_permissions": "0700",
		"hba_file":                hba,
		"max_connections":         strconv.Itoa(connections),
		"shared_buffers":          "128MB",
		"synchronous_commit":      "on",
		"fsync":                   "on",
		"timezone":                "UTC",
		"log_timezone":            "UTC",
		"lc_messages":             "C",
		"logging_collector":       "off",
		"log_destination":         "stderr",
		"log_line_prefix":         "",
		// A refused statement is its caller's to report; its text and values
		// may be private.
		"log_min_messages":        "log",
		"log_min_error_statement": "panic",
		"log_checkpoints":         "off",
		"log_error_verbosity":     "terse",
		// The statements are short; compiling them costs more than it gains.
		"jit": "off",
		// The defaults, which initdb makes smaller with the segments.
		"max_wal_size": "1GB",
		"min_wal_size": "80MB",
	}
	if opts.NoSync {
		set["fsync"], set["full_page_writes"], set["synchronous_commit"] = "off", "off", "off"
	}
	args := make([]string, 0, 2*len(set))
	for k, v := range set {
		args = append(args, "-c", k+"="+v)
	}
	return args
}
