/** A random key of 128 bits, 32 hexadecimal digits. It is made on pages without TLS, too, where there is no crypto.randomUUID. */
export function newKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
