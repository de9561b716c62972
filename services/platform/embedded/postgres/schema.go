package postgres

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	"github.com/jackc/pgx/v5"
)

var serviceName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,62}$`)

func checkServices(names []string) error {
	for _, name := range names {
		if !serviceName.MatchString(name) || strings.HasPrefix(name, "pg_") || name == superuser || name == "public" {
			return fmt.Errorf("embedded postgres: %q cannot be a service's schema", name)
		}
	}
	return nil
}

// prepare makes the database, and for each service a role and a schema it owns.
// A role reaches no other service's schema: nothing is granted.
func (s *Server) prepare(ctx context.Context, services []string) error {
	if err := s.makeDatabase(ctx); err != nil {
		return err
	}
	var sql strings.Builder
	for _, name := range services {
		role := pgx.Identifier{name}.Sanitize()
		// The name has passed serviceName: no quote can be in it.
		fmt.Fprintf(&sql, `DO $$ BEGIN
	IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '%[2]s') THEN CREATE ROLE %[1]s LOGIN; END IF;
END $$;
CREATE SCHEMA IF NOT EXISTS %[1]s AUTHORIZATION %[1]s;
`, role, name)
	}
	return s.asAdmin(ctx, database, func(conn *pgx.Conn) error {
		// Several statements in one round trip: the simple protocol, one transaction.
		if _, err := conn.PgConn().Exec(ctx, sql.String()).ReadAll(); err != nil {
			return fmt.Errorf("create schemas: %w", err)
		}
		return nil
	})
}

func (s *Server) makeDatabase(ctx context.Context) error {
	return s.asAdmin(ctx, superuser, func(conn *pgx.Conn) error {
		var exists bool
		const existsSQL = `SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)`
		if err := conn.QueryRow(ctx, existsSQL, database).Scan(&exists); err != nil {
			return fmt.Errorf("look for database: %w", err)
		}
		if exists {
			return nil
		}
		if _, err := conn.Exec(ctx, `CREATE DATABASE `+database); err != nil {
			return fmt.Errorf("create database: %w", err)
		}
		return nil
	})
}

// asAdmin runs fn on a connection of the superuser.
func (s *Server) asAdmin(ctx context.Context, db string, fn func(*pgx.Conn) error) error {
	conn, err := pgx.Connect(ctx, s.dsn(superuser, db))
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer func() { _ = conn.Close(ctx) }()
	return fn(conn)
}
