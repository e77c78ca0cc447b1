import { show } from "./entry.js";

/** Only a page of our own may follow a sign-in. */
function next() {
  const wanted = new URLSearchParams(location.search).get("next") ?? "/";
  return new URL(wanted, location.origin).origin === location.origin && wanted.startsWith("/") && !wanted.startsWith("//") ? wanted : "/";
}

show({
  purpose: "login",
  path: "/auth/login",
  fields: [
    { name: "name", type: "text", autocomplete: "username" },
    { name: "password", type: "password", autocomplete: "current-password" },
  ],
  done: () => location.assign(next()),
});
