// The order of the list of images, and the search by name: the same as the service's.

/** A name without the case of ASCII letters, by which names are sorted. */
const nameKey = ({ name }) => (name ?? "").replace(/[A-Z]/g, (letter) => letter.toLowerCase());

/** Compares texts by their code points, as the service does by their bytes. */
function compareTexts(a, b) {
  let index = 0;
  while (index < a.length && a[index] === b[index]) {
    index += 1;
  }
  return (a.codePointAt(index) ?? -1) - (b.codePointAt(index) ?? -1);
}

const compareIds = (a, b) => (a.id < b.id ? -1 : Number(a.id > b.id));

const comparisons = {
  newest: (a, b) => compareIds(b, a),
  oldest: compareIds,
  name: (a, b) => compareTexts(nameKey(a), nameKey(b)) || compareIds(a, b),
  size: (a, b) => b.bytes - a.bytes || compareIds(b, a),
};

/** What a cursor has after the id. */
const keys = { name: (image) => `.${nameKey(image)}`, size: ({ bytes }) => `.${bytes}` };
const ID_LENGTH = 36;

/**
 * A list of images: its order (`sort`), the words (`q`) that names have, and, in a service with accounts, whose images it has
 * (`owner`, for the user who is signed in).
 */
export class Order {
  constructor(sort, q, owner, user) {
    this.owner = owner ?? "";
    this.user = user;
    this.sort = sort ?? "newest";
    this.q = q ?? "";
    this.compare = comparisons[this.sort] ?? comparisons.newest;
    this.words = this.q.toLowerCase().split(/\s+/).filter(Boolean);
  }

  /** The order in a query. */
  static of = (query) => new Order(query.get("sort"), query.get("q"), query.get("owner"));

  /** Whether the list has that image. */
  includes = (image) => this.isListed(image) && this.words.every((word) => (image.name ?? "").toLowerCase().includes(word));

  /** Whether it is an image of whose images the list has. */
  isListed({ owner, visibility }) {
    if (this.user === undefined || this.owner === "any") {
      return true;
    }
    return this.owner === "public" ? visibility === "public" : owner === this.user;
  }

  /** The place of an image, for addresses. */
  cursorOf = (image) => image.id + (keys[this.sort]?.(image) ?? "");

  /** The place of a cursor, for `compare`. */
  place = (cursor) => {
    const [id, key] = [cursor.slice(0, ID_LENGTH), cursor.slice(ID_LENGTH + 1)];
    return { id, name: key, bytes: Number(key) };
  };

  /** The parameters of the list, without those of the default. */
  query = () => {
    const query = new URLSearchParams();
    this.sort !== "newest" && query.set("sort", this.sort);
    this.q && query.set("q", this.q);
    this.owner && query.set("owner", this.owner);
    return query;
  };

  /** The address of a page of the list as JSON. `parameters` are those besides the list's own. */
  address = (parameters) => `/images?${new URLSearchParams([...Object.entries(parameters), ...this.query()])}`;

  /** The part of an image's address that says in which list it was opened. */
  fragment = () => {
    const query = this.query().toString();
    return query && `#${query}`;
  };
}
