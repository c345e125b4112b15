/** Notifies the members of a group of a change. A change made during a notification is sent to all members after the current round. */
export class ChangeNotice<Member> {
  readonly #members = new Set<Member>();
  readonly #notify: (member: Member) => void;
  #isNotifying = false;
  #hasChangedAgain = false;

  constructor(notify: (member: Member) => void) {
    this.#notify = notify;
  }

  join(member: Member): void {
    this.#members.add(member);
  }

  leave(member: Member): void {
    this.#members.delete(member);
  }

  send(): void {
    this.#hasChangedAgain = true;
    if (this.#isNotifying) return;
    this.#isNotifying = true;
    try {
      while (this.#hasChangedAgain) {
        this.#hasChangedAgain = false;
        for (const member of [...this.#members]) if (this.#members.has(member)) this.#notify(member);
      }
    } finally {
      this.#isNotifying = false;
    }
  }
}
