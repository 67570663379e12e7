// Gathers the files that are chosen, dropped or pasted. Folders are walked; a pasted address is not an image.

import { $, copy, toast } from "./page.js";

const dropOverlay = $(".drop-overlay");
/** More files are not taken from folders at once: a list of them would not be of use. */
const MAX_FILES = 5000;

/** A time in the name of a file, such as `2026-11-09 21.30.05`. */
function timeInName(at) {
  const two = (number) => String(number).padStart(2, "0");
  const day = [at.getFullYear(), two(at.getMonth() + 1), two(at.getDate())].join("-");
  return `${day} ${[at.getHours(), at.getMinutes(), at.getSeconds()].map(two).join(".")}`;
}

/** Browsers call every pasted picture `image.png`: it gets a name that tells when it was pasted. */
function namePasted(file, at = new Date()) {
  const extension = /^image\.(\w+)$/.exec(file.name || "image.png")?.[1];
  return extension ? new File([file], `pasted ${timeInName(at)}.${extension}`, { type: file.type }) : file;
}

/** The files of an entry of a drop: a file, or a folder with its folders. */
async function filesOf(entry, files) {
  if (files.length >= MAX_FILES || entry.name.startsWith(".")) {
    return;
  }
  if (entry.isFile) {
    files.push(await new Promise((resolve, reject) => entry.file(resolve, reject)));
    return;
  }
  const reader = entry.createReader();
  for (;;) {
    // it returns some at a time, and none at the end
    const entries = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (entries.length === 0) {
      return;
    }
    for (const child of entries) {
      await filesOf(child, files);
    }
  }
}

async function droppedFiles(transfer) {
  // both lists are empty as soon as this function waits
  const [entries, plain] = [[...transfer.items].map((item) => item.webkitGetAsEntry?.()), [...transfer.files]];
  if (!entries.some((entry) => entry?.isDirectory)) {
    return plain;
  }
  const files = [];
  for (const entry of entries.filter(Boolean)) {
    await filesOf(entry, files);
  }
  if (files.length >= MAX_FILES) {
    toast(`The first ${MAX_FILES} files of the folders are uploaded.`);
  } else if (files.length === 0) {
    toast("There are no files in the folder.");
  }
  return files;
}

/** Says what a pasted address is, and offers a command that uploads what is there. */
function offerAddress(address) {
  $(".pasted-address")?.remove();
  const row = document.createElement("p");
  row.className = "pasted-address banner";
  row.setAttribute("role", "status");
  const quoted = `'${address.replace(/'/g, "'\\''")}'`;
  const link = Object.assign(document.createElement("a"), { href: address, textContent: address, rel: "noreferrer", target: "_blank" });
  const button = (label, onClick) => {
    const made = Object.assign(document.createElement("button"), { type: "button", textContent: label });
    made.addEventListener("click", onClick);
    return made;
  };
  row.append(
    "This is an address, not an image; this service loads nothing from other hosts. Open it and copy the image itself: ", link, " ",
    button("Copy a command", () => copy(`curl -L ${quoted} | ${$(".front").dataset.curl} --data-binary @- ${location.origin}/images`, "Command")), " ",
    button("Dismiss", () => row.remove()),
  );
  $(".uploads").before(row);
}

const isAddress = (text) => /^https?:\/\/[^\s/]+\S*$/i.test(text);

/** Calls `take` with the files of each choice, drop and paste. */
export function gather(take) {
  const takeFiles = (files) => files.length > 0 && take(files);
  const picker = $("#picker");

  picker?.addEventListener("change", () => {
    takeFiles([...picker.files]);
    picker.value = "";
  });

  const isDrop = ({ dataTransfer }) => dataTransfer?.types.includes("Files") || dataTransfer?.types.includes("text/uri-list");
  let depth = 0;

  addEventListener("dragenter", (event) => {
    if (isDrop(event)) {
      depth += 1;
      dropOverlay.hidden = false;
    }
  });
  addEventListener("dragleave", (event) => {
    if (isDrop(event)) {
      depth -= 1;
      dropOverlay.hidden = depth <= 0;
    }
  });
  addEventListener("dragover", (event) => isDrop(event) && event.preventDefault());
  addEventListener("drop", async (event) => {
    if (!isDrop(event)) {
      return;
    }
    event.preventDefault();
    depth = 0;
    dropOverlay.hidden = true;
    const address = event.dataTransfer.getData("text/uri-list").split("\n")[0].trim();
    const files = await droppedFiles(event.dataTransfer).catch(() => {
      toast("The folder could not be read.");
      return [];
    });
    if (files.length === 0 && isAddress(address)) {
      offerAddress(address);
    }
    takeFiles(files);
  });
  addEventListener("paste", (event) => {
    const isField = event.target.closest?.("input, textarea");
    const files = [...(event.clipboardData?.files ?? [])];
    const text = event.clipboardData?.getData("text/plain").trim() ?? "";
    if (files.length > 0) {
      takeFiles(files.map((file) => namePasted(file)));
    } else if (!isField && isAddress(text)) {
      offerAddress(text);
    }
  });
}
